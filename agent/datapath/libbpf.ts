// The part of libbpf.so.1 that the datapath calls, typed. A thin edge: no decisions, no errors but a missing library. Functions
// return what libbpf returns: a negative errno, or a value. Calls are synchronous and on the main thread, because libbpf
// reports what went wrong through a callback into JavaScript, and a callback from another thread may outlive the process; the
// one call that is not, since it takes the kernel 50 ms, is made without the callback.

import koffi, { type LibraryHandle } from 'koffi';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';

declare const brand: unique symbol;
/** The address of something that belongs to libbpf. */
type Pointer<Kind extends string> = bigint & { readonly [brand]: Kind };
export type BpfObject = Pointer<'object'>;
export type BpfMap = Pointer<'map'>;
export type BpfProgram = Pointer<'program'>;
export type BpfRing = Pointer<'ring'>;

/** A file descriptor, or a negative errno. */
type Descriptor = number;
/** 0, or a negative errno. */
type Status = number;
type Bytes = Uint8Array | Uint32Array | null;

export interface Libbpf {
  openObject(path: string, options: null): BpfObject | null;
  loadObject(object: BpfObject): Status;
  closeObject(object: BpfObject): void;
  findMap(object: BpfObject, name: string): BpfMap | null;
  nextProgram(object: BpfObject, after: BpfProgram | null): BpfProgram | null;

  mapFd(map: BpfMap): Descriptor;
  setMaxEntries(map: BpfMap, entries: number): Status;
  setInitialValue(map: BpfMap, value: Bytes, size: number): Status;
  /** Uses a map that exists instead of creating one. Keeps a descriptor of its own. */
  reuseFd(map: BpfMap, fd: number): Status;

  programName(program: BpfProgram): string;
  programFd(program: BpfProgram): Descriptor;
  attachType(program: BpfProgram): number;

  createLink(programFd: number, targetFd: number, attachType: number, options: null): Descriptor;
  /** Puts another program into a link; there is no moment without one. */
  updateLink(linkFd: number, programFd: number, options: null): Status;

  /** The ids of the programs that are attached at that cgroup itself; `count` holds how many fit, and afterwards how many there are. */
  queryPrograms(
    cgroupFd: number,
    attachType: number,
    queryFlags: number,
    attachFlags: Uint32Array,
    ids: Uint32Array,
    count: Uint32Array,
  ): Status;
  openProgram(id: number): Descriptor;
  openMap(id: number): Descriptor;

  pin(fd: number, path: string): Status;
  openPin(path: string, options: Bytes): Descriptor;
  /** Fills `info` with one of the kernel's bpf_*_info structs. */
  describe(fd: number, info: Uint8Array, length: Uint32Array): Status;

  /** `count` holds how many rows there are, and afterwards how many were written. */
  updateBatch(fd: number, keys: Uint8Array, values: Uint8Array, count: Uint32Array, options: null): Status;
  deleteBatch(fd: number, keys: Uint8Array, count: Uint32Array, options: null): Status;
  /** `from` is null for the first call, then what the last call left in `to`. The last rows come with -ENOENT. */
  lookupBatch(
    fd: number,
    from: Bytes,
    to: Bytes,
    keys: Uint8Array,
    values: Uint8Array,
    count: Uint32Array,
    options: null,
  ): Status;

  /** Of a per-CPU map, `value` has one row after the other for every possible CPU, each rounded up to 8 bytes. */
  lookup(fd: number, key: Uint8Array | Uint32Array, value: Uint8Array): Status;
  /** As `lookup`; with BPF_F_LOCK, no program is half-way through the row that is given. */
  lookupFlags(fd: number, key: Uint8Array | Uint32Array, value: Uint8Array, flags: number): Status;
  update(fd: number, key: Uint8Array | Uint32Array, value: Uint8Array, flags: number): Status;
  remove(fd: number, key: Uint8Array): Status;
  /** The first key after null; -ENOENT after the last. */
  nextKey(fd: number, after: Uint8Array | null, key: Uint8Array): Status;
  possibleCpus(): number;

  /** Null on failure. The callback belongs to the ring until it is freed. */
  newRing(fd: number, callback: bigint, context: null, options: null): BpfRing | null;
  /** Calls back for each record until one is answered with a negative number, which is then returned; else says how many. */
  consumeRing(ring: BpfRing): number;
  freeRing(ring: BpfRing): void;

  /** Where the kernel finds an array, for the structs that point to one. The array has to outlive the call, and be 64 bytes or more. */
  addressOf(array: Uint32Array): bigint;

  /** 1 when the kernel has it, 0 when not, or a negative errno. */
  probeProgramType(type: number, options: null): number;
  probeMapType(type: number, options: null): number;
  /** Loads `count` instructions as they are. */
  loadProgram(
    type: number,
    name: string,
    license: string,
    instructions: Uint8Array,
    count: number,
    options: Bytes,
  ): Descriptor;
}

export interface LoadedLibbpf {
  readonly calls: Libbpf;
  /** The errno of the last call that returned no pointer. */
  errno(): number;
  /** Makes a callback for rings; it gets a copy of each record of at least `size` bytes, and its answer is returned. */
  onRecord(size: number, receive: (record: Uint8Array) => number): RecordCallback;
  /**
   * As `calls.loadObject`, on another thread, and without a word about what was wrong. Nothing else is to be asked of the object
   * meanwhile, and what libbpf says about others is lost.
   */
  loadAside(object: BpfObject): Promise<Status>;
  /** Runs `work` and returns what libbpf and the verifier said meanwhile, line by line. */
  listen<T>(work: () => T): { readonly result: T; readonly messages: readonly string[] };
}

export interface RecordCallback {
  readonly pointer: bigint;
  release(): void;
}

const LIBRARY = 'libbpf.so.1';
/**
 * libbpf hands over the verifier's whole log at once, and asks the kernel for 16 MiB of it at most; the verdict is at its end.
 * What is not written to takes no memory.
 */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;
/** enum libbpf_print_level: warnings and what informs; the next one is debugging. */
const LEVEL_MAX = 1;

let loaded: LoadedLibbpf | undefined;

/** Loads the library once per process: the callback for its messages is the process's, too. */
export function loadLibbpf(): LoadedLibbpf {
  loaded ??= load();
  return loaded;
}

function load(): LoadedLibbpf {
  const library = openLibrary();
  const messages: string[] = [];
  const print = messagePrinter((text) => {
    // A log may have more lines than a call takes arguments.
    for (const line of text.split('\n')) if (line !== '') messages.push(line);
  });
  // Stays registered as long as the process: libbpf keeps it.
  const setPrint: (print: bigint | null) => void = library.func('void *libbpf_set_print(void *callback)');
  setPrint(print);
  const loadObject = library.func('int bpf_object__load(void *object)');
  return {
    calls: bind(library),
    errno: () => koffi.errno(),
    onRecord: recordCallback,
    loadAside(object) {
      setPrint(null);
      return new Promise<Status>((resolve, reject) => {
        loadObject.async(object, (error: Error | null, status: Status) => (error ? reject(error) : resolve(status)));
      }).finally(() => setPrint(print));
    },
    listen(work) {
      messages.length = 0;
      const result = work();
      return { result, messages: messages.splice(0) };
    },
  };
}

function openLibrary(): LibraryHandle {
  try {
    return koffi.load(LIBRARY);
  } catch (cause) {
    throw new OperationalError({
      code: 'DATAPATH_LIBBPF_MISSING',
      operation: 'load',
      subject: LIBRARY,
      reason: reasonOf(cause),
      hint: 'install libbpf 1.x (Debian: apt-get install libbpf1)',
      cause,
    });
  }
}

function bind(library: LibraryHandle): Libbpf {
  return {
    openObject: library.func('void *bpf_object__open_file(const char *path, const void *opts)'),
    loadObject: library.func('int bpf_object__load(void *object)'),
    closeObject: library.func('void bpf_object__close(void *object)'),
    findMap: library.func('void *bpf_object__find_map_by_name(void *object, const char *name)'),
    nextProgram: library.func('void *bpf_object__next_program(void *object, void *after)'),
    mapFd: library.func('int bpf_map__fd(void *map)'),
    setMaxEntries: library.func('int bpf_map__set_max_entries(void *map, uint32_t entries)'),
    setInitialValue: library.func('int bpf_map__set_initial_value(void *map, const void *value, size_t size)'),
    reuseFd: library.func('int bpf_map__reuse_fd(void *map, int fd)'),
    programName: library.func('const char *bpf_program__name(void *program)'),
    programFd: library.func('int bpf_program__fd(void *program)'),
    attachType: library.func('int bpf_program__expected_attach_type(void *program)'),
    createLink: library.func('int bpf_link_create(int program, int target, int type, const void *opts)'),
    updateLink: library.func('int bpf_link_update(int link, int program, const void *opts)'),
    queryPrograms: library.func(
      'int bpf_prog_query(int target, int type, uint32_t query, void *attach, void *ids, void *count)',
    ),
    openProgram: library.func('int bpf_prog_get_fd_by_id(uint32_t id)'),
    openMap: library.func('int bpf_map_get_fd_by_id(uint32_t id)'),
    pin: library.func('int bpf_obj_pin(int fd, const char *path)'),
    openPin: library.func('int bpf_obj_get_opts(const char *path, const void *opts)'),
    describe: library.func('int bpf_obj_get_info_by_fd(int fd, void *info, void *length)'),
    updateBatch: library.func(
      'int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *opts)',
    ),
    deleteBatch: library.func('int bpf_map_delete_batch(int fd, const void *keys, void *count, const void *opts)'),
    lookupBatch: library.func(
      'int bpf_map_lookup_batch(int fd, void *from, void *to, void *keys, void *values, void *count, const void *opts)',
    ),
    lookup: library.func('int bpf_map_lookup_elem(int fd, const void *key, void *value)'),
    lookupFlags: library.func('int bpf_map_lookup_elem_flags(int fd, const void *key, void *value, uint64_t flags)'),
    update: library.func('int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)'),
    remove: library.func('int bpf_map_delete_elem(int fd, const void *key)'),
    nextKey: library.func('int bpf_map_get_next_key(int fd, const void *after, void *key)'),
    possibleCpus: library.func('int libbpf_num_possible_cpus()'),
    newRing: library.func('void *ring_buffer__new(int fd, void *callback, void *context, const void *opts)'),
    consumeRing: library.func('int ring_buffer__consume(void *ring)'),
    freeRing: library.func('void ring_buffer__free(void *ring)'),
    addressOf: (array) => koffi.address(array),
    probeProgramType: library.func('int libbpf_probe_bpf_prog_type(int type, const void *opts)'),
    probeMapType: library.func('int libbpf_probe_bpf_map_type(int type, const void *opts)'),
    loadProgram: library.func(
      'int bpf_prog_load(int type, const char *name, const char *license, const void *code, size_t count, const void *opts)',
    ),
  };
}

const RECORD_PROTOTYPE = koffi.proto('int receive_ring_record(void *context, void *record, size_t size)');

function recordCallback(size: number, receive: (record: Uint8Array) => number): RecordCallback {
  const pointer = koffi.register((_context: bigint, record: bigint, length: number | bigint): number => {
    // What another size has is no record of ours; there is nothing to be said about it.
    if (Number(length) < size) return 0;
    return receive(Uint8Array.from(koffi.decode(record, 'uint8_t', size) as Iterable<number>));
  }, koffi.pointer(RECORD_PROTOTYPE));
  return { pointer, release: () => koffi.unregister(pointer) };
}

function messagePrinter(receive: (text: string) => void): bigint {
  const buffer = Buffer.allocUnsafeSlow(MESSAGE_BYTES_MAX);
  const format: (buffer: Uint8Array, size: number, format: bigint, args: bigint) => number = koffi
    .load(null)
    .func('int vsnprintf(void *buffer, size_t size, const void *format, void *args)');
  const print = koffi.proto('int print_libbpf_message(int level, void *format, void *args)');
  return koffi.register((level: number, text: bigint, args: bigint): number => {
    if (level > LEVEL_MAX) return 0;
    const length = format(buffer, buffer.length, text, args);
    receive(buffer.toString('utf8', 0, Math.min(length, buffer.length - 1)));
    return 0;
  }, koffi.pointer(print));
}
