// Runs in workerd, between the Worker and its Durable Objects: the latency that a real zone has and one
// machine does not.

interface Namespace {
  getByName(name: string): object;
}

type Method = (...args: unknown[]) => Promise<unknown>;

/**
 * The Worker's environment, in which every call to a Durable Object takes 0 to `limitMs` milliseconds
 * longer on its way there, and again on its way back.
 */
export function withLatency(env: object, limitMs: number): object {
  if (limitMs === 0) return env;
  const wait = () => new Promise((resolve) => setTimeout(resolve, Math.random() * limitMs));
  return Object.fromEntries(
    Object.entries(env).map(([name, binding]) => [
      name,
      isNamespace(binding) ? distant(binding, wait) : binding,
    ]),
  );
}

function isNamespace(binding: unknown): binding is Namespace {
  return typeof binding === "object" && binding !== null && "getByName" in binding;
}

function distant(namespace: Namespace, wait: () => Promise<unknown>): Namespace {
  return {
    getByName(name) {
      const stub = namespace.getByName(name) as Record<string, Method>;
      return new Proxy(stub, {
        get:
          (_, method: string): Method =>
          async (...args) => {
            await wait();
            try {
              return await stub[method]?.(...args);
            } finally {
              await wait();
            }
          },
      });
    },
  };
}
