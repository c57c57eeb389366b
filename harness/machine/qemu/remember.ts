/**
 * Remembers what `ask` found out; calls that overlap share one question. An answer that failed is not kept: the next
 * call asks again.
 */
export function remember<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => {
    const asked = (answer ??= ask());
    asked.catch(() => {
      if (answer === asked) answer = undefined;
    });
    return asked;
  };
}
