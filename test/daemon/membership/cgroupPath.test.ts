// SPDX-License-Identifier: Apache-2.0
import t from 'tap';
import { podUidOf } from '../../../daemon/membership/cgroupPath.js';

const UID = '0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0';
const SYSTEMD = UID.replaceAll('-', '_');
const ID = 'f'.repeat(64);

t.test('the uid of a pod stands in the path of its processes', async (t) => {
  for (const [name, text] of [
    ['cgroup v2, systemd, containerd', `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${SYSTEMD}.slice/cri-containerd-${ID}.scope\n`],
    ['guaranteed, CRI-O', `0::/kubepods.slice/kubepods-pod${SYSTEMD}.slice/crio-${ID}.scope\n`],
    ['below a parent, as kind has it', `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${SYSTEMD}.slice/cri-containerd-${ID}.scope`],
    ['cgroup v2, cgroupfs', `0::/kubepods/besteffort/pod${UID}/${ID}\n`],
    ['cgroup v1', `12:memory:/kubepods/burstable/pod${UID}/${ID}\n1:name=systemd:/\n`],
    ['cgroup v1 in a later line', `12:cpu:/\n11:pids:/kubepods/pod${UID}/${ID}\n0::/\n`],
    ['seen from a cgroup namespace', `0::/../../pod${UID}/${ID}\n`],
    ['the cgroup of the pod itself', `0::/kubepods/pod${UID}\n`],
  ] as const) t.equal(podUidOf(text), UID, name);
  t.equal(podUidOf(`0::/kubepods/pod${'a1'.repeat(16)}/${ID}\n`), 'a1'.repeat(16), 'a static pod');
});

t.test('others have none', async (t) => {
  for (const text of ['0::/\n', '0::/system.slice/sshd.service\n', `0::/machine.slice/libpod-${ID}.scope\n`, `0::/user.slice/pod-${UID}\n`, `0::/kubepods/pod${UID}x/y\n`, `0::/kubepods/pod${SYSTEMD.replace('_', '-')}/x\n`, ''])
    t.equal(podUidOf(text), undefined, JSON.stringify(text));
});
