// What the lab reads of the programs' own accounts: the few fields it needs of /v1/status and /v1/services.

export interface ObservedStatus {
  readonly leader: boolean;
  readonly peers: readonly {
    readonly name: string;
    readonly phase: string;
    readonly synced: boolean;
    readonly freshness: string;
    readonly inPieces: boolean;
    readonly disconnects: number;
    readonly failures: number;
    readonly admitted: number;
    readonly quarantined: number;
  }[];
  readonly agents: readonly {
    readonly node: string;
    readonly connected: boolean;
    readonly revision?: number;
    readonly lag?: number;
    readonly services: number;
    readonly backends: number;
  }[];
  readonly snapshot: { readonly revision?: number; readonly services: number };
  readonly source: {
    readonly problems: readonly {
      readonly file: string;
      readonly line: number;
      readonly code: string;
      readonly reason: string;
    }[];
  };
  readonly health: Readonly<Record<string, { readonly state: string; readonly reason: string }>>;
}

export interface ObservedServices {
  readonly revision?: number;
  readonly services: readonly {
    readonly service: string;
    readonly frontends: readonly string[];
    readonly backends_by_cluster: Readonly<Record<string, number>>;
    readonly ports: readonly { readonly port: number }[];
    readonly backends: readonly {
      readonly address: string;
      readonly cluster: string;
      readonly state: string;
      readonly ports: readonly { readonly port: number }[];
    }[];
  }[];
}
