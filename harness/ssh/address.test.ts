import t from 'tap';
import { parseHostAddress } from './address.js';

t.test('addresses and names', async (t) => {
  const of = (given: string) => {
    const { host, user, port } = parseHostAddress(given);
    return [host, user, port];
  };
  t.strictSame(of('box'), ['box', undefined, undefined]);
  t.strictSame(of('ssh://box'), ['box', undefined, undefined]);
  t.strictSame(of('ssh://root@box.example:2222'), ['box.example', 'root', 2222]);
  t.strictSame(of('ssh://a.b@10.0.0.1/'), ['10.0.0.1', 'a.b', undefined]);
  t.strictSame(of('ssh://root@[fe80::1%eth0]:22'), ['fe80::1%eth0', 'root', 22]);
});

t.test('everything else is refused in one line, with what to write', async (t) => {
  for (const [given, why] of [
    ['-oProxyCommand=reboot', /not the name of a host/],
    ['box:22', /not the name of a host/],
    ['root@box', /not the name of a host/],
    ['', /not the name of a host/],
    ['box; reboot', /not the name of a host/],
    ['http://box', /not such an address/],
    ['ssh://', /not such an address/],
    ['ssh://root:secret@box', /a password does not belong there/],
    ['ssh://box:0', /0 is no port/],
    ['ssh://box:70000', /70000 is no port/],
    ['ssh://-box', /"-box" is not the name of a host/],
    ['ssh://-l@box', /unusual name/],
    ['ssh://box/../etc', /not such an address/],
    [`ssh://${'x'.repeat(300)}`, /more than 300/],
  ] as const) {
    t.throws(() => parseHostAddress(given), { kind: 'usage', message: why }, given);
    t.throws(
      () => parseHostAddress(given),
      { message: /^cannot use --host ".*write ssh:\/\/[^\n]*$/ },
      given,
    );
  }
});
