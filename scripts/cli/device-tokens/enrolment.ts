// Enrolling a device with a secret that Latchkey makes: what device-token and feed have in common.
import type { Command } from "commander";
import type { Me, NewDeviceToken } from "../../../src/contract/answers.ts";
import { DEVICE_TOKEN_SECONDS } from "../../../src/contract/limits.ts";
import type { Recipe } from "../../../src/domain/apps/recipes.ts";
import type { IssuedKind } from "../../../src/domain/credential-key.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { withHint } from "../../client/answer.ts";
import { deviceLabel } from "../../client/device.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { shellWord } from "../../terminal/text.ts";
import { deviceNameArgument, durationOption } from "../command/arguments.ts";
import { type LimitOptions, limitOptions, limitsFrom, limitWords, requireAmong } from "../command/limits.ts";
import type { Session } from "../command/session.ts";
import { showSecret } from "./secret.ts";

export interface EnrolOptions extends LimitOptions {
  valid?: string;
  note?: string;
  /** `undefined`: on a terminal. */
  qr?: boolean;
}

export function enrolOptions(command: Command): Command {
  return limitOptions(command)
    .option("--valid <time>", "how long the secret works: 5m to 3650d (default: 365d)")
    .option("--note <text>", "a note for people to read")
    .option("--qr", "draw it as a QR code even outside a terminal")
    .option("--no-qr", "draw no QR code");
}

/** `--valid`, in seconds; `undefined`: the API's default. */
export function validOption(text: string | undefined): number | undefined {
  return text === undefined ? undefined : durationOption("--valid", text, DEVICE_TOKEN_SECONDS);
}

interface NewDevice {
  user: UserId;
  name: string;
  kind: IssuedKind;
  /** Of a feed. */
  paths?: string[];
}

/** What is known about the apps, given what `APPS` says. */
interface Advice {
  /** Lines to show before the secret is made. */
  before(known: Me["apps"], hosts: readonly string[]): readonly string[];
  /** Lines to copy. */
  recipes(made: NewDeviceToken, known: Me["apps"], origin: string): readonly Recipe[];
}

/** Enrols the device and shows its secret. */
export async function enrol(
  session: Session,
  { user, name: nameText, kind, paths }: NewDevice,
  options: EnrolOptions,
  advice?: Advice,
): Promise<void> {
  const name = deviceNameArgument(nameText);
  const { apps, ...limits } = limitsFrom(options, session.now());
  if (apps === undefined) {
    throw misuse(
      `name the app that the ${kind} is for`,
      "give its host with --app, such as photos.example.com",
    );
  }
  const validSeconds = validOption(options.valid);
  const api = await session.connect();
  // Once the secret is made, nothing may fail before it is shown.
  const { apps: known } = await api.me();
  requireAmong(known, apps);
  for (const line of advice?.before(known, apps) ?? []) progress(line);
  const request = { name, kind, apps, ...limits, note: options.note, validSeconds, paths };
  const made = await api.createDeviceToken(user, request).catch((error: unknown) => {
    const label = shellWord(`${user}/${name}`);
    throw withHint(
      error,
      "name-taken",
      `choose another name, or give that device a new one: ${LATCHKEY} rotate ${label}`,
    );
  });
  const { device } = made;
  showSecret(session, {
    made,
    origin: api.origin,
    done: [`enrolled ${deviceLabel(device)}: it is let in from now on${limitWords(device, session.now())}`],
    recipes: advice?.recipes(made, known, api.origin) ?? [],
    qr: options.qr,
  });
}
