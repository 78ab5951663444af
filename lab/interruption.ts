// What ends a script that has made a lab: the signals that ask for it, each as often as it comes.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Aborts on the first of them, saying which it was. Further ones do not keep the process from removing what it made: `timeout` sends each
 * twice, to its child and to the group that the child is in. They stay with the process.
 */
export function stopOnSignals(): AbortController {
  const stop = new AbortController();
  for (const name of SIGNALS) process.on(name, () => stop.abort(new Error(`ended by ${name}`)));
  return stop;
}
