import { usageFault } from '../model/fault.js';

/** Names the host on which crashpath itself runs. */
export const LOCAL_HOST_NAME = 'local';

/** A host as the caller names it; what is absent comes from the ssh configuration. */
export interface HostAddress {
  /** As it was given: `ssh://root@box:2222`, or a name of the ssh configuration. */
  readonly given: string;
  /** A host name, an address, or a name of the ssh configuration. */
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

const LONGEST = 300;
/** Host names, IPv4 and IPv6 addresses (with a zone), names of the configuration; never an option of a program. */
const HOST = /^[A-Za-z0-9_:][\w.:%-]{0,252}$/;
const USER = /^[A-Za-z0-9_][\w.@\\+-]{0,63}$/;
const URL_FORM = /^ssh:\/\/(?:([^@/[\]]+)@)?(?:\[([^[\]/]+)\]|([^:/[\]@]+))(?::(\d{1,5}))?\/?$/;

/**
 * Reads `ssh://[user@]host[:port]`, or a name of the ssh configuration. Throws a usage fault that names the mistake.
 * Pure.
 */
export function parseHostAddress(given: string): HostAddress {
  const refuse = (why: string) =>
    usageFault(
      `cannot use --host "${given.slice(0, 60)}": ${why}; write ssh://[user@]host[:port], a name of ~/.ssh/config, or ${LOCAL_HOST_NAME}`,
    );
  if (given.length > LONGEST) throw refuse(`it has more than ${LONGEST} characters`);
  if (!given.includes('://')) {
    if (!HOST.test(given) || given.includes(':')) throw refuse('it is not the name of a host');
    return { given, host: given, user: undefined, port: undefined };
  }
  const found = URL_FORM.exec(given);
  if (found === null) throw refuse('it is not such an address');
  const [, user, inBrackets, plain = '', port] = found;
  const host = inBrackets ?? plain;
  if (!HOST.test(host)) throw refuse(`"${host.slice(0, 40)}" is not the name of a host`);
  if (user?.includes(':') === true) throw refuse('a password does not belong there');
  if (user !== undefined && !USER.test(user)) throw refuse('the user has an unusual name');
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && (number < 1 || number > 65_535)) throw refuse(`${number} is no port`);
  return { given, host, user, port: number };
}
