import { X509Certificate } from "node:crypto";
import * as v from "valibot";
import { issueSelfSignedCertificate } from "../../../certificates/authority.ts";
import { commonNameIn, createKeyAndRequest } from "../../../certificates/request.ts";
import { fields } from "../../client/answers.ts";
import { listClientCertificates, signAtCloudflare } from "../../client/client-certificates.ts";
import { CloudflareFailure } from "../../client/failure.ts";
import { observeHandshakes } from "../../doctor/outside/handshakes.ts";
import { askOnce } from "../connection.ts";
import { formOf, formsOf, idFormOf, verdictOf } from "../form.ts";
import {
  type Credential,
  credentialOf,
  type Finding,
  notInTime,
  type Probe,
  reachOf,
  type Scene,
} from "../probe.ts";
import { fieldOf, isPresented, isVerified } from "../sight.ts";
import { certificateOf } from "../things.ts";
import { waitFor } from "../waiting.ts";

const LISTED_WITHIN_SECONDS = 60;
const ASKED_WITHIN_SECONDS = 300;
const DAY_MS = 24 * 60 * 60 * 1000;

export const certificate: Probe = {
  id: "certificate",
  title: "have a certificate signed, for one day",
  question: "Does Cloudflare sign for one day, keep O and CN in UTF-8, and list the certificate soon?",
  needs: ["route-answers"],
  async run(scene) {
    const { client, zone, names, secrets } = scene;
    scene.undo.push(certificateOf(scene, names.worker));
    const asked = Date.now();
    const { signed, key, commonName, refusals } = await sign(scene);
    const { id, pem, fingerprint, statedFingerprint, serial } = signed;
    for (const secret of [id, fingerprint, serial]) if (typeof secret === "string") secrets.add(secret);
    if (pem === "" || fingerprint === undefined) {
      return { outcome: "failed", reason: "the answer contained no readable certificate" };
    }
    scene.credential = { id, certificate: pem, key, fingerprint };
    const listed = await waitFor(scene.signal, LISTED_WITHIN_SECONDS, async () => {
      const all = await listClientCertificates(client, zone, "certificates");
      return all.find((each) => each.id === id);
    });
    const parsed = new X509Certificate(pem);
    const keepsName = commonNameIn(pem) === commonName;
    const isStated = statedFingerprint === fingerprint;
    const validMs = parsed.validToDate.getTime() - parsed.validFromDate.getTime();
    return {
      outcome: keepsName && isStated && listed !== undefined && refusals.length === 0 ? "seen" : "differs",
      measurements: {
        refusedBefore: refusals,
        idForm: idFormOf(id),
        keepsOrganizationAndCommonName: keepsName,
        fingerprintIsOfTheDer: isStated,
        validHours: Math.round(validMs / (DAY_MS / 24)),
        backdatedSeconds: Math.round((asked - parsed.validFromDate.getTime()) / 1000),
        usages: parsed.keyUsage ?? [],
        isAuthority: parsed.ca,
        serialDigits: parsed.serialNumber.length,
        signatureAlgorithm: algorithmOf(parsed),
        statusAtFirst: signed.status,
        listedAfterSeconds: listed?.seconds ?? null,
      },
    };
  },
};

/** Asks for what should be possible, then for less and less: the other probes need a certificate. */
async function sign({ client, zone, names }: Scene) {
  const { commonName, worker } = names;
  const orders = [
    { commonName, days: 1, what: "a name beyond ASCII, 1 day" },
    { commonName: worker, days: 1, what: "a plain name, 1 day" },
    { commonName: worker, days: 30, what: "a plain name, 30 days" },
  ];
  const refusals: string[] = [];
  let refusal: unknown;
  for (const order of orders) {
    const { key, csr } = await createKeyAndRequest(order.commonName, "ecdsa-p256");
    try {
      const signed = await signAtCloudflare(client, zone, csr, order.days);
      return { signed, key, commonName: order.commonName, refusals };
    } catch (error) {
      if (!(error instanceof CloudflareFailure && error.problem.kind === "refused")) throw error;
      refusals.push(order.what);
      refusal = error;
    }
  }
  throw refusal;
}

function algorithmOf(certificate: X509Certificate): string {
  const { signatureAlgorithm } = certificate as { signatureAlgorithm?: string };
  return signatureAlgorithm ?? "unknown";
}

/** A slice of the list of client certificates, and the length of the whole list, if it is reported. */
const CERTIFICATE_SLICE = fields({
  success: v.literal(true),
  result: v.array(fields({ id: v.string() })),
  result_info: v.nullish(fields({ total_count: v.unknown() })),
});

export const listPaging: Probe = {
  id: "list-paging",
  title: "page the list of client certificates",
  question: "Does the list take limit and offset, and report its total_count?",
  needs: ["certificate"],
  async run({ client, zone }) {
    const page = (offset: number) =>
      client.ask(
        { permission: "certificates", what: "list the zone's client certificates" },
        (sdk) => sdk.clientCertificates.list({ zone_id: zone.id, status: "all", limit: 1, offset }),
        CERTIFICATE_SLICE,
      );
    const [first, second] = [await page(0), await page(1)];
    const total = first.result_info?.total_count;
    const moves = first.result[0]?.id !== second.result[0]?.id;
    return {
      outcome: first.result.length === 1 && moves && typeof total === "number" ? "seen" : "differs",
      measurements: {
        lengthWithLimit1: first.result.length,
        lengthAfterOffset1: second.result.length,
        offsetMoves: moves,
        tellsTotalCount: typeof total === "number",
      },
    };
  },
};

export const clientAuth: Probe = {
  id: "client-auth",
  title: "show the certificate, and look at request.cf.tlsClientAuth",
  question: "Which fields does tlsClientAuth have, in which form, and how soon is a certificate asked for?",
  needs: ["association"],
  async run(scene): Promise<Finding> {
    const [reach, credential] = [reachOf(scene), credentialOf(scene)];
    const found = await waitFor(scene.signal, ASKED_WITHIN_SECONDS, async () => {
      const answer = await askOnce(reach, { credential });
      return answer.kind === "sight" && isPresented(answer.sight) ? answer.sight : undefined;
    });
    if (found === undefined) {
      return notInTime("the host did not ask for a certificate in time", ASKED_WITHIN_SECONDS);
    }
    const { value: sight, seconds } = found;
    const parsed = new X509Certificate(credential.certificate);
    const notAfter = fieldOf(sight, "certNotAfter") ?? "";
    const same = {
      fingerprintIsTheDers: fieldOf(sight, "certFingerprintSHA256") === credential.fingerprint,
      rfc9440IsTheDer: fieldOf(sight, "certRFC9440") === `:${parsed.raw.toString("base64")}:`,
      notAfterParses: Date.parse(notAfter) === parsed.validToDate.getTime(),
    };
    return {
      outcome: isVerified(sight) && Object.values(same).every(Boolean) ? "seen" : "differs",
      measurements: { ...same, askedAfterSeconds: seconds, ...formsOf(sight) },
    };
  },
};

export const withoutCertificate: Probe = {
  id: "without-certificate",
  title: "show no certificate",
  question: "What does tlsClientAuth hold for a client without a certificate?",
  needs: ["client-auth"],
  async run(scene) {
    const answer = await askOnce(reachOf(scene));
    if (answer.kind !== "sight") return { outcome: "differs", measurements: { answer: answer.kind } };
    const isNone = verdictOf(answer.sight) === "presented 0, verified NONE, revoked 0";
    return { outcome: isNone ? "seen" : "differs", measurements: formsOf(answer.sight) };
  },
};

export const selfSigned: Probe = {
  id: "self-signed",
  title: "show a certificate that no authority signed",
  question: "What does tlsClientAuth hold for a certificate that fails, and is its fingerprint filled in?",
  needs: ["client-auth"],
  async run(scene) {
    const credential = await issueSelfSignedCertificate("nobody");
    const answer = await askOnce(reachOf(scene), { credential });
    if (answer.kind !== "sight") {
      const status = answer.kind === "other" ? answer.status : answer.why;
      return { outcome: "differs", measurements: { answer: answer.kind, status } };
    }
    const { sight } = answer;
    const isRefused = fieldOf(sight, "certVerified")?.startsWith("FAILED") === true;
    return {
      outcome: isRefused ? "seen" : "differs",
      measurements: {
        verdict: verdictOf(sight),
        fingerprint: formOf("certFingerprintSHA256", sight.tlsClientAuth?.certFingerprintSHA256),
        rfc9440: formOf("certRFC9440", sight.tlsClientAuth?.certRFC9440),
      },
    };
  },
};

export const authorities: Probe = {
  id: "certificate-authorities",
  title: "read which authorities the edge names",
  question: "Does the edge name authorities when it asks for a certificate? Some clients then show no other.",
  needs: ["client-auth"],
  async run(scene): Promise<Finding> {
    const { host, address, ca, timeoutMs } = reachOf(scene);
    const [seen] = await observeHandshakes([host], {
      connectTo: address,
      ca,
      timeoutMs,
      credential: undefined,
    });
    if (seen?.kind !== "handshake") {
      return { outcome: "differs", measurements: { handshake: seen?.kind ?? "none" } };
    }
    const names = seen.authorities;
    for (const name of names ?? []) scene.secrets.add(name);
    return {
      outcome: "seen",
      measurements: {
        asksForCertificate: names !== null,
        count: names?.length ?? 0,
        forms: (names ?? []).map((name) => formOf("DN", name)),
        namesTheIssuer: names === null ? null : names.some((name) => isIssuer(name, credentialOf(scene))),
      },
    };
  },
};

/** Compares the attributes, whatever their order. */
function isIssuer(name: string, { certificate: pem }: Credential): boolean {
  const attributes = (text: string) =>
    text
      .split(/,\s*|\n/)
      .sort()
      .join("\n");
  return attributes(name) === attributes(new X509Certificate(pem).issuer);
}
