import t from 'tap';
import { messageWrite } from './msi-write.js';

void t.test('a message is a write to the page of its APIC', async (t) => {
  t.strictSame(messageWrite(0, { nmi: true }), { address: 0xfee0_0000, data: 0x400 });
  t.strictSame(messageWrite(1, { vector: 0xd1 }), { address: 0xfee0_1000, data: 0xd1 });
  t.strictSame(messageWrite(1, { kick: true }), { address: 0xfee0_1000, data: 0x300 });
  t.strictSame(messageWrite(254, { nmi: true }), { address: 0xfeef_e000, data: 0x400 });
});

void t.test('negative ids and the broadcast id cannot be addressed', async (t) => {
  for (const apicId of [-1, 255, 256, 1.5]) {
    t.throws(() => messageWrite(apicId, { nmi: true }), { message: /ids 0 to 254/u });
  }
});
