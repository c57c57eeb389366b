/**
 * Caches the result of `ask`; overlapping calls share one question. A failure is not cached: the next call asks again.
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
