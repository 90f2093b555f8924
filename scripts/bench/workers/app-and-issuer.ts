// Runs in workerd: whatever a gate's `fetch` reaches, at native speed. An app that answers a kilobyte, and the issuer.
import { SIGN_IN } from "../sign-in.ts";
import { issuerAnswer } from "./issuer.ts";

const BODY = "x".repeat(1024);
const ISSUER = `${SIGN_IN.issuer}/`;

export default {
  fetch(request: Request): Response | Promise<Response> {
    // In clear text here, whatever the scheme was.
    const address = request.url.replace(/^http:/, "https:");
    if (!address.startsWith(ISSUER)) return new Response(BODY);
    return issuerAnswer(new Request(address, request)).then((answer) => answer ?? new Response(BODY));
  },
};
