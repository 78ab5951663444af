// The file systems that the datapath depends on, by the type that statfs(2) gives them.

export const BPFFS_MAGIC = 0xcafe4a11;
export const CGROUP2_MAGIC = 0x63677270;
