// A pod's process: answers every HTTP request at the pod's address with who it is. Told to end, it goes on to answer for a
// while, as a well-behaved pod does, because those who know of it learn only now that it goes.
//
//   node backend.js --address 10.1.1.10 --port 8080 --cluster west --node w1 --pod echo-1 [--drain-ms 2000]

import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    address: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    cluster: { type: 'string', default: '' },
    node: { type: 'string', default: '' },
    pod: { type: 'string', default: '' },
    'drain-ms': { type: 'string', default: '2000' },
  },
});

const answer = `${JSON.stringify({ cluster: values.cluster, node: values.node, pod: values.pod })}\n`;
const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) });
  response.end(answer);
});
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(values.port), values.address, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`listening ${values.address}:${port}\n`);
});
process.once('SIGTERM', () => setTimeout(() => server.close(), Number(values['drain-ms'])));
