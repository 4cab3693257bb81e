// SPDX-License-Identifier: Apache-2.0
/** The table by which pods are in the mesh or not: what the API server tells of a pod, the label of its namespace, the answer. */
import t from 'tap';
import { namespaceFacts, podFacts } from '../../../daemon/membership/podFacts.js';
import { decideMembership, RULES, type Rule } from '../../../daemon/membership/rule.js';

const MODE = 'istio.io/dataplane-mode';

interface Case {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly spec?: object;
  readonly status?: object;
  readonly namespace?: Record<string, string> | null;
  readonly inMesh: boolean;
  readonly rule: Rule;
}

const KMESH = { [MODE]: 'kmesh' };

const CASES: readonly Case[] = [
  { name: 'no label anywhere', inMesh: false, rule: 'no_label' },
  { name: 'labels are null', namespace: null, inMesh: false, rule: 'no_label' },
  { name: 'its own label', labels: KMESH, inMesh: true, rule: 'pod_label' },
  { name: 'its own label, in another case', labels: { [MODE]: 'Kmesh' }, inMesh: true, rule: 'pod_label' },
  { name: 'its own label, in capitals', labels: { [MODE]: 'KMESH' }, inMesh: true, rule: 'pod_label' },
  { name: 'the label of its namespace', namespace: KMESH, inMesh: true, rule: 'namespace_label' },
  { name: 'the label of its namespace, in another case', namespace: { [MODE]: 'KMesh' }, inMesh: true, rule: 'namespace_label' },
  { name: 'none goes before its namespace', labels: { [MODE]: 'none' }, namespace: KMESH, inMesh: false, rule: 'pod_label' },
  { name: 'None, too', labels: { [MODE]: 'None' }, namespace: KMESH, inMesh: false, rule: 'pod_label' },
  { name: 'its own label goes before a namespace that says none', labels: KMESH, namespace: { [MODE]: 'none' }, inMesh: true, rule: 'pod_label' },
  { name: 'a namespace that says none', namespace: { [MODE]: 'none' }, inMesh: false, rule: 'namespace_label' },
  { name: 'another mesh in the namespace', namespace: { [MODE]: 'ambient' }, inMesh: false, rule: 'namespace_label' },
  { name: 'another mesh on the pod', labels: { [MODE]: 'ambient' }, namespace: KMESH, inMesh: false, rule: 'pod_label' },
  { name: 'an empty label is as none', labels: { [MODE]: '' }, namespace: KMESH, inMesh: true, rule: 'namespace_label' },
  { name: 'a word that only begins alike', labels: { [MODE]: 'kmesh2' }, inMesh: false, rule: 'pod_label' },
  { name: 'bypass as a label', labels: { ...KMESH, 'kmesh.net/bypass': 'enabled' }, inMesh: false, rule: 'bypass' },
  { name: 'bypass as an annotation', labels: KMESH, annotations: { 'kmesh.net/bypass': 'enabled' }, inMesh: false, rule: 'bypass' },
  { name: 'bypass in a labelled namespace', labels: { 'kmesh.net/bypass': 'Enabled' }, namespace: KMESH, inMesh: false, rule: 'bypass' },
  { name: 'bypass that is not enabled', labels: { ...KMESH, 'kmesh.net/bypass': 'disabled' }, inMesh: true, rule: 'pod_label' },
  { name: 'on the network of the host', labels: KMESH, namespace: KMESH, spec: { hostNetwork: true }, inMesh: false, rule: 'host_network' },
  { name: 'said not to be there', labels: KMESH, spec: { hostNetwork: false }, inMesh: true, rule: 'pod_label' },
  { name: 'with a sidecar', labels: KMESH, annotations: { 'sidecar.istio.io/status': '{"containers":["istio-proxy"]}' }, inMesh: false, rule: 'sidecar' },
  { name: 'a sidecar that was only refused', labels: KMESH, annotations: { 'sidecar.istio.io/inject': 'false' }, inMesh: true, rule: 'pod_label' },
  { name: 'a waypoint', labels: { ...KMESH, 'gateway.istio.io/managed': 'istio.io-mesh-controller' }, inMesh: false, rule: 'gateway' },
  { name: 'a gateway of the Gateway API', namespace: KMESH, labels: { 'gateway.networking.k8s.io/gateway-name': 'front' }, inMesh: false, rule: 'gateway' },
  { name: "istioctl's gateway", namespace: KMESH, labels: { istio: 'ingressgateway' }, inMesh: false, rule: 'gateway' },
  { name: 'some other part of Istio', namespace: KMESH, labels: { istio: 'pilot' }, inMesh: true, rule: 'namespace_label' },
  { name: 'has succeeded', labels: KMESH, status: { phase: 'Succeeded' }, inMesh: false, rule: 'ended' },
  { name: 'has failed', labels: KMESH, status: { phase: 'Failed' }, inMesh: false, rule: 'ended' },
  { name: 'waits for its node', labels: KMESH, status: { phase: 'Pending' }, inMesh: true, rule: 'pod_label' },
  { name: 'runs', labels: KMESH, status: { phase: 'Running', podIP: '10.0.0.1' }, inMesh: true, rule: 'pod_label' },
];

t.test('the rule', async (t) => {
  for (const { name, labels, annotations, spec, status, namespace, inMesh, rule } of CASES) {
    const pod = podFacts({ metadata: { uid: 'u-1', namespace: 'shop', name: 'web-0', labels: labels ?? null, ...(annotations === undefined ? {} : { annotations }) }, spec, status });
    const { mode } = namespaceFacts({ metadata: { name: 'shop', labels: namespace ?? null } });
    const found = decideMembership(pod, mode);
    t.same({ inMesh: found.inMesh, rule: found.rule }, { inMesh, rule }, name);
    t.ok(found.why.length > 0, `${name}: has a reason`);
  }
  t.same(new Set(CASES.map(({ rule }) => rule)), new Set(RULES), 'each rule is met');
});

t.test('what is no pod is not taken for one', async (t) => {
  for (const [name, object] of [
    ['nothing', undefined],
    ['a status', { kind: 'Status', metadata: {} }],
    ['a name that would lead elsewhere in a URL', { metadata: { uid: 'u', namespace: 'shop', name: '../x' } }],
    ['labels that are no texts', { metadata: { uid: 'u', namespace: 'shop', name: 'x', labels: { a: 1 } } }],
  ] as const) t.throws(() => podFacts(object), name);
  t.throws(() => namespaceFacts({ metadata: { name: 'a/b' } }));
});
