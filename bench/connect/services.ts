// The services that are dialled: as many addresses as asked for, with one port, all with the same four backends.

import type { IpAddress } from '../../mesh/model/names.ts';

export const PORT = 80;
export const BACKEND_PORT = 8080;
export const ADDRESSES = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4'] as const;
/** Where the services' addresses are; nothing else is. */
export const VIP_RANGE = '172.16.0.0/12';

export const vip = (index: number): IpAddress =>
  `172.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` as IpAddress;
