/**
 * Parses the records that `apt-cache show` prints (deb822: `Field: value` lines, records separated by empty lines).
 * Continuation lines belong to long descriptions and are left out. Field names keep their case.
 */
export function parseRecords(text: string): Map<string, string>[] {
  return text
    .split(/\n{2,}/)
    .map((record) => {
      const fields = new Map<string, string>();
      for (const line of record.split('\n')) {
        const field = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line);
        if (field?.[1] !== undefined) fields.set(field[1], (field[2] ?? '').trim());
      }
      return fields;
    })
    .filter((fields) => fields.size > 0);
}
