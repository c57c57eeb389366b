/** The code of a system error (`ENOENT`), or of any error that carries one; empty for everything else. */
export function errnoOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** What an error says, on one line; execa's short form where there is one. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const short =
    'shortMessage' in error && typeof error.shortMessage === 'string' ? error.shortMessage : undefined;
  return (short ?? error.message).replace(/\s+/g, ' ').trim();
}
