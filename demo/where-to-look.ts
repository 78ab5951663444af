// After the last step: the addresses and commands by which a person looks around in the mesh while it stands.

import { type Forward, forwardTo } from '../lab/forward.ts';
import type { LabMesh } from '../lab/mesh.ts';
import { netnsPath } from '../lab/place.ts';
import type { Stage } from './stage.ts';

export interface WhereToLook {
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export async function whereToLook(stage: Stage): Promise<WhereToLook> {
  const forwards: Forward[] = [];
  const open = async (socket: string): Promise<string> => {
    const forward = await forwardTo(socket);
    forwards.push(forward);
    return `http://127.0.0.1:${forward.port}`;
  };
  const lines: string[] = [];
  for (const cluster of stage.clusters) {
    lines.push(`${cluster.name.padEnd(8)} API server ${await open(cluster.apiServer.socket)}`);
    for (const node of cluster.nodes) {
      if (node.agent !== undefined)
        lines.push(`${''.padEnd(8)} agent      ${await open(node.socket)}  on ${node.name}`);
    }
  }
  return {
    lines: [
      'Where to look:',
      ...lines.map((line) => `  ${line}`),
      '',
      ...commands(stage).map((line) => `  ${line}`),
      '',
      `  logs, configurations, certificates: ${stage.mesh.dir}`,
    ],
    close: async () => {
      await Promise.all(forwards.map((forward) => forward.close()));
    },
  };
}

function commands({ mesh, clusters }: Stage): readonly string[] {
  const [first] = clusters;
  const node = first?.nodes[0];
  if (first === undefined || node === undefined) return [];
  const server = `unix:${first.apiServer.socket}`;
  return [
    `npx clustermesh status --server ${server}`,
    `npx clustermesh services demo/echo --server ${server}`,
    `npx clustermesh maps dump --agent unix:${node.socket}`,
    `curl --unix-socket ${first.apiServer.socket} http://localhost/v1/conflicts`,
    ...requestCommand(mesh, first.serviceList[0]?.url ?? '', node.at.place),
  ];
}

/** From inside the node's namespace and cgroup, as a pod there would. */
function requestCommand(
  { underlay }: LabMesh,
  url: string,
  { netns, cgroup }: { readonly netns?: string; readonly cgroup?: string },
): readonly string[] {
  if (!underlay.forwards || netns === undefined || cgroup === undefined) return [];
  return [`sh -c 'echo $$ > ${cgroup}/cgroup.procs; nsenter --net=${netnsPath(netns)} curl -s ${url}'`];
}
