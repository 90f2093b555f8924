import { DONE, SECRET_NAMES } from "./answers.ts";
import type { CloudflareClient } from "./client.ts";
import { unlessMissing } from "./failure.ts";

/** Which Worker's secrets. */
export interface WorkerPlace {
  client: CloudflareClient;
  account: string;
  worker: string;
}

/** The names of the Worker's secrets; none when there is no such Worker. */
export async function readSecretNames({ client, account, worker }: WorkerPlace): Promise<string[]> {
  const found = await unlessMissing(() =>
    client.ask(
      { permission: "scripts-read", what: "list the names of the Worker's secrets" },
      (sdk) => sdk.workers.scripts.secrets.list(worker, { account_id: account }),
      SECRET_NAMES,
    ),
  );
  return (found ?? []).map(({ name }) => name);
}

const NEED = { permission: "scripts", what: "store the Worker's secret" } as const;

/** Sets a secret of the deployed Worker, or replaces it. Cloudflare makes this a deployment of its own. */
export async function storeSecret(
  { client, account, worker }: WorkerPlace,
  name: string,
  text: string,
): Promise<void> {
  await client.ask(
    NEED,
    (sdk) =>
      sdk.workers.scripts.secrets.update(worker, { account_id: account, name, text, type: "secret_text" }),
    DONE,
  );
}

/** Removes a secret; it is no error if there is none. */
export async function removeSecret({ client, account, worker }: WorkerPlace, name: string): Promise<void> {
  await unlessMissing(() =>
    client.ask(
      NEED,
      (sdk) => sdk.workers.scripts.secrets.delete(name, { account_id: account, script_name: worker }),
      DONE,
    ),
  );
}
