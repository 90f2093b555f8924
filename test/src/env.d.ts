import type { RegistryBindings } from "../../src/registry/client/objects.ts";

declare global {
  namespace Cloudflare {
    interface Env extends RegistryBindings {
      APPS: unknown;
      ADMIN_TOKEN: string;
      REVOCATION_DELAY_SECONDS: number;
    }
    interface GlobalProps {
      mainModule: typeof import("../../src/index.ts");
    }
  }
}
