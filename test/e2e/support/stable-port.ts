// A port for a server that is stopped and started again on it.
import { createServer } from "node:net";

/** Systems give ports to whoever asks for any from about 32,768 on (RFC 6335: from 49,152). */
const FIRST = 20_000;
const COUNT = 10_000;

/** A port of this machine that is free, and that nobody gets by asking for any: it stays free while the server is down. */
export async function stablePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error("no port is free");
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
