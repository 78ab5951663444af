// The same services as rules of other balancers: iptables in the shape that kube-proxy writes, and nft with one verdict map. Text
// for iptables-restore and nft.

import { ADDRESSES, BACKEND_PORT, PORT, vip } from './services.ts';

export function iptablesRules(services: number): string {
  const indexes = Array.from({ length: services }, (_, index) => index);
  const places = ADDRESSES.map((address, index) => ({ address, index }));
  return [
    '*nat',
    ':KUBE-SERVICES - [0:0]',
    ...indexes.flatMap((at) => [
      `:KUBE-SVC-${at} - [0:0]`,
      ...places.map(({ index }) => `:KUBE-SEP-${at}-${index} - [0:0]`),
    ]),
    '-A OUTPUT -j KUBE-SERVICES',
    ...indexes.map((at) => `-A KUBE-SERVICES -d ${vip(at)}/32 -p tcp -m tcp --dport ${PORT} -j KUBE-SVC-${at}`),
    ...indexes.flatMap((at) =>
      places.flatMap(({ address, index }) => {
        const left = places.length - index;
        const chance = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
        return [
          `-A KUBE-SVC-${at} ${chance}-j KUBE-SEP-${at}-${index}`,
          `-A KUBE-SEP-${at}-${index} -p tcp -m tcp -j DNAT --to-destination ${address}:${BACKEND_PORT}`,
        ];
      }),
    ),
    'COMMIT',
    '',
  ].join('\n');
}

export function nftRules(services: number): string {
  const indexes = Array.from({ length: services }, (_, index) => index);
  const choice = ADDRESSES.map((address, index) => `${index} : ${address} . ${BACKEND_PORT}`).join(', ');
  const dnat = `meta l4proto tcp dnat ip addr . port to numgen random mod ${ADDRESSES.length} map { ${choice} }`;
  return [
    'table ip bench {',
    ...indexes.flatMap((at) => [`chain s${at} {`, dnat, '}']),
    'map services {',
    'type ipv4_addr . inet_proto . inet_service : verdict',
    `elements = { ${indexes.map((at) => `${vip(at)} . tcp . ${PORT} : goto s${at}`).join(', ')} }`,
    '}',
    'chain output {',
    'type nat hook output priority -100',
    'ip daddr . meta l4proto . th dport vmap @services',
    '}',
    '}',
    '',
  ].join('\n');
}
