// What the owner wants of signing in: from the command line, else from the person there, else as `wrangler.toml` has it.
import * as v from "valibot";
import { SignInSchema } from "../../../src/contract/sign-in-settings.ts";
import { EMAIL_HINT, type EmailAddress, parseEmail } from "../../../src/domain/person.ts";
import { parseUserId, USER_ID_HINT, type UserId } from "../../../src/domain/user.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import type { LocalSignIn } from "../client/wrangler-toml.ts";
import { accessClientOf } from "../doctor/checks/sign-in.ts";
import { given, streams } from "./dialogue.ts";
import type { SignInWish } from "./sign-in.ts";

/** As on the command line. */
export interface SignInOptions {
  /** `access`, or an issuer's address. */
  signIn?: string;
  signInClient?: string;
  signInApp?: string[];
  owner?: string[];
  person?: string[];
}

type Provider = SignInWish["provider"];

/** Mistakes are reported before anything is read or asked. */
export function checkSignInOptions(options: SignInOptions): void {
  parseProvider(options);
  (options.owner ?? []).forEach(parseOwner);
  (options.person ?? []).forEach(parsePerson);
}

/** `undefined`: nothing is said, asked for or written about signing in. */
export async function whichSignIn(
  options: SignInOptions,
  local: LocalSignIn | undefined,
  hosts: readonly string[],
  secret: string | undefined,
  asks: boolean,
): Promise<SignInWish | undefined> {
  const provider = parseProvider(options) ?? (local === undefined ? undefined : providerOf(local));
  const apps = (options.signInApp ?? []).map((host) => host.toLowerCase());
  const isSaid = [options.signInApp, options.owner, options.person].some((words) => words !== undefined);
  if (provider === undefined) {
    if (isSaid) {
      throw misuse(
        "--sign-in is missing: which provider signs people in?",
        "add --sign-in access, or an issuer's address",
      );
    }
    return asks ? askForSignIn(hosts, secret) : undefined;
  }
  const odd = apps.find((host) => !hosts.includes(host));
  if (odd !== undefined) {
    throw misuse(`--sign-in-app ${printable(odd)} is not one of the apps`, `name one of ${hosts.join(", ")}`);
  }
  const owners = new Map((options.owner ?? []).map(parseOwner));
  const people = (options.person ?? []).map(parsePerson);
  const isNew =
    options.signIn === "access" && (local === undefined || accessClientOf(local.issuer) === undefined);
  if (isNew && owners.size + people.length + Object.keys(local?.owners ?? {}).length === 0) {
    throw misuse("Access needs to know who may sign in", "name the owner: --owner alice=alice@example.com");
  }
  return { provider, apps, owners, people, secret };
}

function providerOf({ issuer, clientId }: LocalSignIn): Provider {
  return accessClientOf(issuer) === undefined ? { kind: "issuer", issuer, clientId } : { kind: "access" };
}

function parseProvider({ signIn, signInClient: clientId }: SignInOptions): Provider | undefined {
  if (signIn === undefined || signIn === "access") {
    if (clientId === undefined) return signIn && { kind: "access" };
    throw misuse("--sign-in-client goes with a provider of yours", "add --sign-in https://id.example.com");
  }
  const problem = issuerProblem(signIn);
  if (problem !== undefined) {
    throw misuse(
      `--sign-in '${printable(signIn)}' is not a provider: the issuer ${problem}`,
      "or give: --sign-in access",
    );
  }
  if (clientId === undefined || clientId === "") {
    throw misuse("--sign-in-client is missing", "give the client's id at the issuer");
  }
  return { kind: "issuer", issuer: signIn, clientId };
}

function issuerProblem(issuer: string): string | undefined {
  const parsed = v.safeParse(SignInSchema, { issuer, clientId: "x" });
  if (!parsed.success) return parsed.issues[0].message;
  return issuer.startsWith("https://") ? undefined : "must have an https:// address";
}

function parseOwner(word: string): [UserId, EmailAddress] {
  const [id = "", ...rest] = word.split("=");
  const user = parseUserId(id);
  const email = parseEmail(rest.join("="));
  const example = "give, for example, alice=alice@example.com";
  if (user === undefined)
    throw misuse(`--owner '${printable(word)}': the user's id ${USER_ID_HINT}`, example);
  if (email === undefined) throw misuse(`--owner '${printable(word)}': the address ${EMAIL_HINT}`, example);
  return [user, email];
}

function parsePerson(word: string): EmailAddress {
  const email = parseEmail(word);
  if (email === undefined)
    throw misuse(`--person '${printable(word)}' ${EMAIL_HINT}`, "give one address each");
  return email;
}

/** Nothing is chosen beforehand: closed by default. */
async function askForSignIn(
  hosts: readonly string[],
  secret: string | undefined,
): Promise<SignInWish | undefined> {
  const { confirm, multiselect, select, text } = await import("@clack/prompts");
  const wanted = await confirm({
    message: "May browsers without a certificate sign in with an identity provider? (docs/sign-in.md)",
    initialValue: false,
    ...streams,
  });
  if (!given(wanted)) return undefined;
  const apps = await multiselect<string>({
    message: "To which apps? Space selects, Enter continues",
    options: hosts.map((value) => ({ value, label: value })),
    required: false,
    ...streams,
  });
  const kind = await select<Provider["kind"]>({
    message: "Who signs people in?",
    options: [
      {
        value: "access",
        label: "Cloudflare Access",
        hint: "free for up to 50 people; GitHub, Google, or a code by mail. Setup makes it",
      },
      {
        value: "issuer",
        label: "another provider",
        hint: "Pocket ID, Authelia, Authentik, Keycloak, Google ...",
      },
    ],
    ...streams,
  });
  const chosen = { apps: given(apps), kind: given(kind) };
  const issuer = chosen.kind === "issuer" ? await askForIssuer(secret) : undefined;
  const owner = await text({
    message: "The first owner, as USER=ADDRESS: whoever signs in with that address becomes this user",
    placeholder: "alice=alice@example.com",
    validate: (value) => problemOf(() => parseOwner(value ?? "")),
    ...streams,
  });
  const [user, email] = parseOwner(given(owner));
  const others =
    issuer === undefined
      ? await text({
          message: "Who else may sign in with Access? Addresses, separated by spaces, or nothing",
          validate: (value) => problemOf(() => addressesIn(value ?? "").map(parsePerson)),
          ...streams,
        })
      : "";
  return {
    provider: issuer?.provider ?? { kind: "access" },
    apps: chosen.apps,
    owners: new Map([[user, email]]),
    people: addressesIn(given(others) ?? "").map(parsePerson),
    secret: issuer?.secret ?? secret,
  };
}

async function askForIssuer(secret: string | undefined) {
  const { password, text } = await import("@clack/prompts");
  const issuer = await text({
    message: "The issuer's address, as its discovery document has it",
    placeholder: "https://id.example.com",
    validate: (value) => issuerProblem(value ?? ""),
    ...streams,
  });
  const clientId = await text({
    message: "The client's id there",
    validate: (value) => (value?.trim() ? undefined : "Give the id"),
    ...streams,
  });
  const provider: Provider = { kind: "issuer", issuer: given(issuer), clientId: given(clientId).trim() };
  if (secret !== undefined) return { provider, secret };
  const typed = await password({ message: "The client's secret (empty for a public client)", ...streams });
  return { provider, secret: given(typed) || undefined };
}

const addressesIn = (text: string) => text.split(/[\s,]+/).filter((word) => word !== "");

function problemOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
