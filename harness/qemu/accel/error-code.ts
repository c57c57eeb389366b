/** The `code` of a system error (`ENOENT`), or undefined for any other value that was thrown. Pure. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
