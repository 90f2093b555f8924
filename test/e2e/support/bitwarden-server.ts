// A Bitwarden-compatible server: the seven calls that `bw config server`, `bw login`, `bw sync` and
// `bw get password` need, with real key derivation and encryption, so that the real client decrypts
// a real vault. One account, one item. Plain http: the local edge in front of it does the TLS.
import {
  createCipheriv,
  createHmac,
  generateKeyPairSync,
  pbkdf2Sync,
  randomBytes,
  randomUUID,
} from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

const ITERATIONS = 600_000;
/** How long an access token says it lives, in seconds. */
const ACCESS_TOKEN_SECONDS = 3600;

export interface BitwardenServer {
  origin: string;
  email: string;
  password: string;
  /** The one item of the vault. */
  item: { id: string; name: string; password: string };
  /** `METHOD /path` of the calls since the last `takeCalls`. */
  takeCalls(): string[];
  /** While set, every call is answered with this status and nothing else: for counter-proofs. */
  answerEverythingWith: number | undefined;
  stop(): Promise<void>;
}

export async function startBitwardenServer(): Promise<BitwardenServer> {
  const email = "alice@example.com";
  const password = "correct horse battery staple";
  const account = makeAccount(email, password);
  let calls: string[] = [];

  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://origin").pathname;
    calls.push(`${request.method} ${path}`);
    const body = await readAll(request);
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(value));
    };
    if (bitwarden.answerEverythingWith !== undefined) {
      response.writeHead(bitwarden.answerEverythingWith, { "content-type": "text/plain" });
      response.end("refused");
      return;
    }
    switch (`${request.method} ${path}`) {
      case "GET /api/config":
        return send(200, {});
      case "POST /identity/accounts/prelogin":
      case "POST /identity/accounts/prelogin/password":
        return send(200, {
          kdf: 0,
          kdfIterations: ITERATIONS,
          kdfSettings: { kdfType: 0, iterations: ITERATIONS },
          salt: email,
        });
      case "POST /identity/connect/token": {
        const form = new URLSearchParams(body);
        if (form.get("grant_type") === "refresh_token") {
          return send(200, { access_token: account.accessToken(), token_type: "Bearer" });
        }
        if (form.get("password") !== account.passwordHash) return send(400, { error: "invalid_grant" });
        return send(200, account.tokenResponse());
      }
      case "GET /api/sync":
        return send(200, account.sync);
      case "GET /api/accounts/revision-date":
        return send(200, Date.now());
      case "POST /api/accounts/key-management/user-key-id":
        return send(200, {});
      default:
        return send(404, { message: "Resource not found." });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const bitwarden: BitwardenServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    email,
    password,
    item: account.item,
    answerEverythingWith: undefined,
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return bitwarden;
}

/** Keys and items of one account, as Bitwarden's security whitepaper describes them. */
function makeAccount(email: string, password: string) {
  const masterKey = pbkdf2Sync(password, email.toLowerCase(), ITERATIONS, 32, "sha256");
  const passwordHash = pbkdf2Sync(masterKey, password, 1, 32, "sha256").toString("base64");
  const stretchedKey = Buffer.concat([hkdfExpand(masterKey, "enc"), hkdfExpand(masterKey, "mac")]);
  const userKey = randomBytes(64);
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  const wrappedUserKey = encrypt(userKey, stretchedKey);
  const wrappedPrivateKey = encrypt(privateKey, userKey);
  const userId = randomUUID();
  const item = { id: randomUUID(), name: "Router", password: randomBytes(12).toString("base64url") };

  const accessToken = () =>
    jwt({
      sub: userId,
      email,
      sstamp: "stamp",
      exp: Math.floor(Date.now() / 1000) + ACCESS_TOKEN_SECONDS,
      iss: "http://origin|login",
      amr: ["Application"],
    });

  return {
    item,
    passwordHash,
    accessToken,
    tokenResponse: () => ({
      access_token: accessToken(),
      token_type: "Bearer",
      expires_in: ACCESS_TOKEN_SECONDS,
      refresh_token: randomBytes(24).toString("base64url"),
      Kdf: 0,
      KdfIterations: ITERATIONS,
      Key: wrappedUserKey,
      PrivateKey: wrappedPrivateKey,
      AccountKeys: {
        publicKeyEncryptionKeyPair: { publicKey: publicKey.toString("base64"), wrappedPrivateKey },
      },
      UserDecryptionOptions: {
        HasMasterPassword: true,
        MasterPasswordUnlock: {
          salt: email,
          kdf: { kdfType: 0, iterations: ITERATIONS },
          masterKeyEncryptedUserKey: wrappedUserKey,
        },
      },
    }),
    sync: {
      profile: {
        id: userId,
        email,
        key: wrappedUserKey,
        privateKey: wrappedPrivateKey,
        securityStamp: "stamp",
      },
      folders: [],
      collections: [],
      policies: [],
      sends: [],
      ciphers: [
        {
          id: item.id,
          type: 1,
          name: encrypt(Buffer.from(item.name), userKey),
          login: { password: encrypt(Buffer.from(item.password), userKey) },
          revisionDate: "2026-01-01T00:00:00.000Z",
          creationDate: "2026-01-01T00:00:00.000Z",
        },
      ],
      userDecryption: { userKeyId: null },
    },
  };
}

/** HKDF-Expand-SHA256 alone, without the extract step: one block is 32 bytes. */
function hkdfExpand(key: Buffer, info: string): Buffer {
  return createHmac("sha256", key)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
}

/** An encrypted string of type 2: AES-256-CBC with HMAC-SHA256. `key` is 32 bytes for each. */
function encrypt(plain: Buffer, key: Buffer): string {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", key.subarray(0, 32), iv);
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  const mac = createHmac("sha256", key.subarray(32)).update(iv).update(data).digest();
  return `2.${iv.toString("base64")}|${data.toString("base64")}|${mac.toString("base64")}`;
}

/** The client does not check the signature. */
function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none", typ: "JWT" })}.${part(claims)}.c2lnbmF0dXJl`;
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
