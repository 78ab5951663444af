// The methods of etcd's API of which the door serves nothing, to be answered as etcd answers a user without the permission. Those of
// etcd 3.4 to 3.6; what no etcd has is answered by gRPC itself, as unimplemented.

const DENIED: Readonly<Record<string, readonly string[]>> = {
  'etcdserverpb.KV': ['Put', 'DeleteRange', 'Compact'],
  'etcdserverpb.Lease': ['LeaseGrant', 'LeaseRevoke', 'LeaseKeepAlive', 'LeaseTimeToLive', 'LeaseLeases'],
  'etcdserverpb.Cluster': ['MemberAdd', 'MemberRemove', 'MemberUpdate', 'MemberList', 'MemberPromote'],
  'etcdserverpb.Maintenance': ['Alarm', 'Defragment', 'Hash', 'HashKV', 'Snapshot', 'MoveLeader', 'Downgrade'],
  'etcdserverpb.Auth': [
    ...['AuthEnable', 'AuthDisable', 'AuthStatus', 'Authenticate'],
    ...['UserAdd', 'UserGet', 'UserList', 'UserDelete', 'UserChangePassword', 'UserGrantRole', 'UserRevokeRole'],
    ...['RoleAdd', 'RoleGet', 'RoleList', 'RoleDelete', 'RoleGrantPermission', 'RoleRevokePermission'],
  ],
  'v3lockpb.Lock': ['Lock', 'Unlock'],
  'v3electionpb.Election': ['Campaign', 'Proclaim', 'Leader', 'Observe', 'Resign'],
};

/** `/etcdserverpb.KV/Put` and so on. */
export const DENIED_METHODS: readonly string[] = Object.entries(DENIED).flatMap(([service, methods]) =>
  methods.map((method) => `/${service}/${method}`),
);
