// What a link carries: sealed here, opened as the page opens it.
import { createDecipheriv, createHash } from "node:crypto";
import { beforeAll, expect, it } from "vitest";
import { createAuthority, issueDeviceCertificate } from "../../../scripts/certificates/authority.ts";
import { type BundleContents, sealBundle } from "../../../scripts/certificates/bundle.ts";
import { openPkcs12 } from "../../../scripts/certificates/pkcs12/read.ts";

const ID = "0b0a3bd2-1f3e-4c43-9a3f-6a1a0b9f3c11";
const FINGERPRINT = "ab".repeat(32);

let contents: BundleContents;
beforeAll(async () => {
  const authority = await createAuthority("CA", new Date());
  const pair = await issueDeviceCertificate(authority, "alice pixel 9");
  contents = {
    user: "alice",
    device: "pixel 9",
    commonName: "alice pixel 9",
    fingerprint: FINGERPRINT,
    ...pair,
  };
});

function open(ciphertext: string, key: string, id: string): Record<string, string> {
  const sealed = Buffer.from(ciphertext, "base64url");
  expect(sealed[0]).toBe(1);
  const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key, "base64url"), sealed.subarray(1, 13));
  decipher.setAAD(Buffer.from(`latchkey bundle 1 ${id}`));
  decipher.setAuthTag(sealed.subarray(-16));
  return JSON.parse(Buffer.concat([decipher.update(sealed.subarray(13, -16)), decipher.final()]).toString());
}

it("is opened by the key, and holds the certificate in each form, and the password", () => {
  const { ciphertext, key } = sealBundle(contents, ID);
  const { fileName, password = "", p12 = "", modern = "", profile } = open(ciphertext, key, ID);
  expect(fileName).toBe("alice-pixel-9");
  for (const file of [p12, modern]) {
    expect(openPkcs12(Buffer.from(file, "base64"), password)).toMatchObject({
      kind: "opened",
      certificates: [{ hasKey: true }],
    });
  }
  expect(profile?.replaceAll(/\s/g, "")).toContain(`<data>${p12}</data>`);
  expect(profile).not.toContain(password);
});

it("is not opened with another key, for another invitation, or when a bit was changed", () => {
  const { ciphertext, key } = sealBundle(contents, ID);
  const other = sealBundle(contents, ID);
  expect(() => open(ciphertext, other.key, ID)).toThrow();
  expect(() => open(ciphertext, key, ID.replace("0", "1"))).toThrow();
  const changed = Buffer.from(ciphertext, "base64url");
  changed[40] = (changed[40] ?? 0) ^ 1;
  expect(() => open(changed.toString("base64url"), key, ID)).toThrow();
});

it("has a key, a password and a proof of its own each time; the proof is a digest of the key", () => {
  const [first, second] = [sealBundle(contents, ID), sealBundle(contents, ID)];
  expect(first.key).toMatch(/^[\w-]{43}$/);
  expect(second.key).not.toBe(first.key);
  expect(open(second.ciphertext, second.key, ID).password).not.toBe(
    open(first.ciphertext, first.key, ID).password,
  );
  const digest = createHash("sha256").update(`latchkey bundle ${first.key}`).digest("hex");
  expect(first.proof).toBe(digest);
});
