import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IndexEntry, ModelCatalog } from '../../../src/inference/catalog.ts';
import {
  checkSignatureName,
  versionOfLabel,
  versionStatuses,
} from '../../../src/inference/tensorflow-rules.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';
import { refusalOf } from '../../support/refusal.ts';

describe('versionOfLabel', () => {
  const catalog: ModelCatalog = {
    ...fakeCatalog([]),
    config: () => ({
      parameters: { 'version_label.stable': { string_value: '2' }, stable: { string_value: '3' } },
    }),
  };

  it('finds the version that the configuration gives the label', () => {
    assert.equal(versionOfLabel(catalog, 'm', 'stable'), '2');
  });

  for (const label of ['canary', '', '__proto__', 'constructor']) {
    it(`refuses the unknown label '${label}'`, () => {
      assert.equal(refusalOf(() => versionOfLabel(catalog, 'm', label)).reason, 'LABEL_NOT_FOUND');
    });
  }
});

describe('checkSignatureName', () => {
  it('knows one signature only', () => {
    checkSignatureName('');
    checkSignatureName('serving_default');
    assert.equal(refusalOf(() => checkSignatureName('other')).code, 'failed_precondition');
  });
});

describe('versionStatuses', () => {
  const entries: readonly IndexEntry[] = [
    { name: 'm', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' },
    { name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'no model' },
    { name: 'm', version: '3', state: 'READY', reason: '' },
    { name: 'm', version: '4', state: 'LOADING', reason: '' },
    { name: 'm', version: '5', state: 'UNLOADING', reason: '' },
    { name: 'never', version: '', state: '', reason: '' },
  ];
  const catalog = fakeCatalog([], entries);

  it("tells states in TensorFlow Serving's words, newest first, with the reason of a failure", () => {
    const told = versionStatuses(catalog, 'm', '').map(
      ({ version, state, status }) => `${version} ${state} ${status.error_code} ${status.error_message}`,
    );
    assert.deepEqual(told, [
      '5 UNLOADING OK ',
      '4 LOADING OK ',
      '3 AVAILABLE OK ',
      '2 END UNKNOWN no model',
      '1 END OK ',
    ]);
  });

  it('tells one version', () => {
    assert.deepEqual(
      versionStatuses(catalog, 'm', '3').map(({ version }) => version),
      ['3'],
    );
  });

  for (const [model, version] of [
    ['m', '9'],
    ['never', ''],
    ['x', ''],
  ] as const) {
    it(`does not find ${model} ${version}`, () => {
      assert.equal(refusalOf(() => versionStatuses(catalog, model, version)).code, 'not_found');
    });
  }
});
