import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import {
  type PresentedCertificate,
  type TlsClientAuth,
  tlsClientAuth,
  verificationOf,
} from "./tls-client-auth.ts";

/** No client sends more certificates. */
const MAX_CHAIN = 10;

/** What the handshake told of each connection's client certificate: computed once a connection. */
export class Handshakes {
  readonly #known = new WeakMap<TLSSocket, TlsClientAuth>();
  readonly #authorities: readonly X509Certificate[];

  constructor(authorities: readonly X509Certificate[]) {
    this.#authorities = authorities;
  }

  of(socket: TLSSocket): TlsClientAuth {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const presented = presentedBy(socket);
    const verification = verificationOf(socket.authorized, socket.authorizationError);
    const auth = tlsClientAuth(presented, verification, this.#authorities);
    this.#known.set(socket, auth);
    return auth;
  }
}

/**
 * The certificates that came from the client. A resumed session carries its certificate along; Node
 * calls a session without one authorized, so this alone says whether there is one.
 */
function presentedBy(socket: TLSSocket): PresentedCertificate | undefined {
  const leaf = socket.getPeerX509Certificate();
  return leaf === undefined ? undefined : { leaf: leaf.raw, intermediates: intermediatesOf(socket) };
}

/** Node completes the chain with authorities it knows; those are self-signed, and left out. */
function intermediatesOf(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true).issuerCertificate;
  while (
    certificate !== undefined &&
    certificate.issuerCertificate !== certificate &&
    chain.length < MAX_CHAIN
  ) {
    chain.push(certificate.raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}
