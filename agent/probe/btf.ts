// SPDX-License-Identifier: Apache-2.0
export { type Btf, parseBtf } from './btfParse.js';
export { type StructMember, btfHelpers, enumHas, enumValues, hasFunction, structMembers, structSize } from './btfQuery.js';
