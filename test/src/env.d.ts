declare global {
  namespace Cloudflare {
    /** A secret, which is not in `wrangler.toml`. */
    interface Env {
      ADMIN_TOKEN: string;
    }
  }
}

export {};
