import type { Probe } from "../probe.ts";
import {
  authorities,
  certificate,
  clientAuth,
  listPaging,
  selfSigned,
  withoutCertificate,
} from "./certificate.ts";
import { coalescing, grpc } from "./coalescing.ts";
import { http2, resumption12, resumption13, tls12, tls13 } from "./handshake.ts";
import { association, record, routeAnswers } from "./host.ts";
import { quota } from "./quota.ts";
import { revocation } from "./revocation.ts";
import { deployKeepsFailureMode, failureMode } from "./routes.ts";
import { headers, trailingDot, uploadAbove, uploadBelow, websocket } from "./traffic.ts";
import { worker } from "./worker.ts";

/** All probes in order. The first ones make what the others need; no request is sent before there is a route. */
export const PROBES: readonly Probe[] = [
  worker,
  failureMode,
  record,
  routeAnswers,
  deployKeepsFailureMode,
  certificate,
  listPaging,
  association,
  clientAuth,
  withoutCertificate,
  selfSigned,
  authorities,
  tls12,
  tls13,
  http2,
  resumption12,
  resumption13,
  coalescing,
  headers,
  trailingDot,
  websocket,
  grpc,
  uploadBelow,
  uploadAbove,
  revocation,
  quota,
];
