// Exits with 0 when a program answers 200: `node healthcheck.mjs http://127.0.0.1:9880/readyz`. The image has no other client.
const [url] = process.argv.slice(2);
const answer = await fetch(url, { signal: AbortSignal.timeout(3_000) });
if (!answer.ok) {
  console.error(`${url} answered ${answer.status}: ${await answer.text()}`);
  process.exitCode = 1;
}
