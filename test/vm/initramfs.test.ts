// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { loadingOrder } from './initramfs.js';

const MODULES_DEP = `kernel/lib/crc16.ko:
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/drivers/virtio/virtio_pci.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/char/hw_random/virtio-rng.ko: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
`;

t.test('each driver comes after what it needs, once, and what is built in is left out', async (t) => {
  t.same(loadingOrder(MODULES_DEP, ['virtio_pci', 'virtio-rng', 'overlay', 'ext4']), [
    'kernel/drivers/virtio/virtio.ko.xz',
    'kernel/drivers/virtio/virtio_ring.ko.xz',
    'kernel/drivers/virtio/virtio_pci.ko.xz',
    'kernel/drivers/char/hw_random/virtio-rng.ko',
    'kernel/fs/jbd2/jbd2.ko',
    'kernel/fs/mbcache.ko',
    'kernel/lib/crc16.ko',
    'kernel/fs/ext4/ext4.ko',
  ]);
});
