// A small WebDAV server (RFC 4918): one folder of files in memory, with what a synchronising client
// needs: PROPFIND with depth 0 and 1, GET, PUT, DELETE.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebdavServer {
  origin: string;
  files: Map<string, Buffer>;
  /** Requests that reached the app. */
  requests: number;
  stop(): Promise<void>;
}

export async function startWebdavServer(): Promise<WebdavServer> {
  const files = new Map<string, Buffer>([
    ["/notes/monday.txt", Buffer.from("buy milk")],
    ["/notes/tuesday.txt", Buffer.from("call mum")],
  ]);

  const server = createServer(async (request, response) => {
    webdav.requests += 1;
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://origin").pathname);
    const isFolder = path === "/" || path.replace(/\/$/, "") === "/notes";
    const file = files.get(path);
    const body = await readAll(request);
    switch (request.method) {
      case "PROPFIND": {
        if (!isFolder && file === undefined) return void response.writeHead(404).end();
        const below = isFolder && request.headers.depth === "1" ? [...files.keys()] : [];
        response.writeHead(207, { "content-type": "application/xml; charset=utf-8" });
        response.end(multistatus([isFolder ? "/notes/" : path, ...below], files));
        return;
      }
      case "GET":
        if (file === undefined) return void response.writeHead(404).end();
        return void response.end(file);
      case "PUT":
        files.set(path, body);
        return void response.writeHead(file === undefined ? 201 : 204).end();
      case "DELETE":
        return void response.writeHead(files.delete(path) ? 204 : 404).end();
      default:
        return void response.writeHead(405).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const webdav: WebdavServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    requests: 0,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return webdav;
}

function multistatus(paths: string[], files: Map<string, Buffer>): string {
  const responses = paths.map((path) => {
    const file = files.get(path);
    const type =
      file === undefined ? "<d:resourcetype><d:collection/></d:resourcetype>" : "<d:resourcetype/>";
    const length = file === undefined ? "" : `<d:getcontentlength>${file.length}</d:getcontentlength>`;
    const properties = `${type}${length}<d:getlastmodified>Mon, 23 Nov 2026 08:00:00 GMT</d:getlastmodified>`;
    return `<d:response><d:href>${path}</d:href><d:propstat><d:prop>${properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`;
  });
  return `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">${responses.join("")}</d:multistatus>`;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
