// SPDX-License-Identifier: Apache-2.0
/** What kmesh.yaml says of its container, as far as a container engine can do it: volumes, arguments, environment, probes, limits. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ROOT } from '../vm/paths.js';

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.int() }),
  periodSeconds: z.int(),
  timeoutSeconds: z.int(),
  failureThreshold: z.int(),
});

const hostPath = z.strictObject({ path: z.string(), type: z.enum(['Directory', 'DirectoryOrCreate', 'File']) });

const volume = z.strictObject({
  name: z.string(),
  hostPath: hostPath.optional(),
  projected: z.strictObject({ sources: z.array(z.strictObject({ serviceAccountToken: z.strictObject({ path: z.string(), audience: z.string(), expirationSeconds: z.int() }) })) }).optional(),
  configMap: z.strictObject({ name: z.string(), optional: z.boolean() }).optional(),
});

const variable = z.union([
  z.strictObject({ name: z.string(), value: z.string() }),
  z.strictObject({ name: z.string(), valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.enum(['spec.nodeName', 'metadata.name', 'metadata.namespace', 'status.podIPs']) }) }) }),
]);

const container = z.strictObject({
  name: z.string(),
  image: z.string(),
  imagePullPolicy: z.literal('IfNotPresent'),
  args: z.array(z.string()),
  securityContext: z.union([
    z.strictObject({ privileged: z.literal(true) }),
    z.strictObject({
      privileged: z.literal(false),
      seccompProfile: z.strictObject({ type: z.literal('Unconfined') }),
      appArmorProfile: z.strictObject({ type: z.literal('Unconfined') }),
      capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]), add: z.array(z.string()) }),
    }),
  ]),
  env: z.array(variable),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int(), protocol: z.literal('TCP') })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  resources: z.strictObject({ requests: z.record(z.string(), z.string()), limits: z.strictObject({ memory: z.string().regex(/^\d+Mi$/) }) }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string(), mountPropagation: z.enum(['Bidirectional', 'HostToContainer']).optional(), readOnly: z.boolean().optional() })),
});

const metadata = z.strictObject({ name: z.string(), namespace: z.string(), labels: z.record(z.string(), z.string()).optional() });

const daemonSet = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('DaemonSet'),
  metadata,
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
    updateStrategy: z.strictObject({ type: z.literal('RollingUpdate'), rollingUpdate: z.strictObject({ maxUnavailable: z.int() }) }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.strictObject({
        serviceAccountName: z.string(),
        nodeSelector: z.record(z.string(), z.string()),
        tolerations: z.array(z.strictObject({ operator: z.literal('Exists') })),
        priorityClassName: z.literal('system-node-critical'),
        hostNetwork: z.literal(true),
        dnsPolicy: z.literal('ClusterFirstWithHostNet'),
        hostPID: z.literal(false),
        terminationGracePeriodSeconds: z.int().positive(),
        containers: z.tuple([container]),
        volumes: z.array(volume),
      }),
    }),
  }),
});

const inRbac = z.literal('rbac.authorization.k8s.io/v1');
const role = z.strictObject({
  apiVersion: inRbac,
  kind: z.literal('Role'),
  metadata,
  rules: z.array(z.strictObject({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) })),
});
const binding = z.strictObject({
  apiVersion: inRbac,
  kind: z.literal('RoleBinding'),
  metadata,
  roleRef: z.strictObject({ apiGroup: z.literal('rbac.authorization.k8s.io'), kind: z.literal('Role'), name: z.string() }),
  subjects: z.array(z.strictObject({ kind: z.literal('ServiceAccount'), name: z.string(), namespace: z.string() })),
});

const clusterWide = z.strictObject({ name: z.string() });
const clusterRole = z.strictObject({ ...role.shape, kind: z.literal('ClusterRole'), metadata: clusterWide });
const clusterBinding = z.strictObject({
  ...binding.shape,
  kind: z.literal('ClusterRoleBinding'),
  metadata: clusterWide,
  roleRef: z.strictObject({ ...binding.shape.roleRef.shape, kind: z.literal('ClusterRole') }),
});

export type Volume = z.infer<typeof volume>;
export type Probe = z.infer<typeof probe>;

export type DaemonSet = ReturnType<typeof readKmeshYaml>;

/** Everything of kmesh.yaml: documents in their order, DaemonSet and rights read field by field, so that a misspelt field is an error. */
export const readKmeshYaml = () => parseKmesh(fs.readFileSync(path.join(ROOT, 'kmesh.yaml'), 'utf8'));

/** kmesh.yaml with a component of deploy/, as kustomize makes it. */
export function withComponent(name: string): DaemonSet {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'kmesh-component-'));
  try {
    // kustomize takes no absolute paths.
    const at = (file: string): string => path.relative(fs.realpathSync(folder), path.join(ROOT, file));
    fs.writeFileSync(path.join(folder, 'kustomization.yaml'), JSON.stringify({ kind: 'Kustomization', resources: [at('kmesh.yaml')], components: [at(`deploy/${name}`)] }));
    return parseKmesh(execFileSync('kubectl', ['kustomize', '--load-restrictor=LoadRestrictionsNone', folder], { encoding: 'utf8' }));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function parseKmesh(text: string) {
  const documents = parseAllDocuments(text).map((one) => {
    if (one.errors.length > 0) throw one.errors[0];
    return one.toJS() as { kind: string; metadata: { name: string; namespace?: string } };
  });
  const ofKind = (wanted: string): unknown => documents.find(({ kind }) => kind === wanted);
  const set = daemonSet.parse(ofKind('DaemonSet'));
  const pod = set.spec.template.spec;
  return { documents, set, pod, container: pod.containers[0], role: role.parse(ofKind('Role')), binding: binding.parse(ofKind('RoleBinding')), clusterRole: clusterRole.parse(ofKind('ClusterRole')), clusterBinding: clusterBinding.parse(ofKind('ClusterRoleBinding')) };
}
