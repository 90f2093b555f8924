import { Agent, type ClientRequestArgs } from "node:http";
import { Socket, type TcpNetConnectOpts } from "node:net";
import type { Duplex } from "node:stream";

/** The runtime closes idle connections after five seconds: ours must be gone before. */
const IDLE_MS = 2_000;

/** Keeps connections to the runtime, and reads each to its end even when writing to it fails. */
export class RuntimeAgent extends Agent {
  constructor() {
    super({ keepAlive: true, timeout: IDLE_MS });
  }

  /** As `net.createConnection`: the agent's `noDelay` is among the options. */
  override createConnection(options: ClientRequestArgs): Duplex {
    return new RuntimeSocket(options as TcpNetConnectOpts).connect(options as TcpNetConnectOpts);
  }
}

type WriteCallback = (error?: Error | null) => void;

/**
 * The runtime answers an upload that it does not want, and closes. The next write then fails, and an
 * ordinary socket would be destroyed with the answer unread. This one stops writing and goes on
 * reading: the end of the connection is found there too, behind everything that had arrived.
 */
class RuntimeSocket extends Socket {
  override _write(chunk: unknown, encoding: BufferEncoding, callback: WriteCallback): void {
    super._write(chunk, encoding, this.#unlessFailed(callback));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], callback: WriteCallback): void {
    super._writev?.(chunks, this.#unlessFailed(callback));
  }

  #unlessFailed(callback: WriteCallback): WriteCallback {
    return (error) => {
      if (!error) callback();
      else if (this.readableEnded) this.destroy();
      else this.once("end", () => this.destroy());
    };
  }
}
