import { DONE } from "./answers.ts";
import type { CloudflareClient } from "./client.ts";
import { isNotFound } from "./failure.ts";

/** Which Worker's secrets. */
export interface WorkerPlace {
  client: CloudflareClient;
  account: string;
  worker: string;
}

const NEED = { permission: "scripts", what: "store the Worker's secret" } as const;

/** Sets a secret of the deployed Worker, whether it was set or not. Cloudflare makes it a deployment of its own. */
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

/** Takes a secret away; one that is not there is no error. */
export async function removeSecret({ client, account, worker }: WorkerPlace, name: string): Promise<void> {
  try {
    await client.ask(
      NEED,
      (sdk) => sdk.workers.scripts.secrets.delete(name, { account_id: account, script_name: worker }),
      DONE,
    );
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
