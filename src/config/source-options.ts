import { z } from 'zod';
import { integer, list, optionalText, toggle } from './setting.ts';

const gibibyte = 1024 ** 3;

/** The options of model repositories that are fetched from elsewhere, and of signatures of models. */
export const sources = z
  .strictObject({
    cacheFolder: optionalText({
      flag: 'source-cache',
      value: 'folder',
      about:
        'Folder that remote model repositories are fetched into; kept from one start to the next. See model-sources.md.',
      shownDefault: "tensorgate/sources in the user's cache",
    }),
    maxBytes: integer(
      100 * gibibyte,
      { min: 1, max: 2 ** 50 },
      {
        flag: 'source-max-bytes',
        value: 'bytes',
        about: 'Bytes that one remote model repository may hold; more are refused.',
      },
    ),
    pollSecs: integer(
      60,
      { min: 1, max: 86_400 },
      {
        flag: 'source-poll-secs',
        value: 'seconds',
        about:
          'How often mode poll looks at a remote model repository, a fifth more or less by chance; after failures more rarely.',
      },
    ),
    rollout: optionalText({
      flag: 'source-rollout',
      value: 'strategy|file',
      about:
        'Start a rollout for a new version of a model that models:/ names: canary, blue-green, shadow or ab, or a YAML file with the fields of a plan but model, stable and candidate. See model-sources.md.',
    }),
    redirectHosts: list({
      flag: 'source-redirect-host',
      value: 'host',
      about:
        'Host that an HTTP model repository may redirect to although its address is not public. May be repeated.',
    }),
    requireSigned: toggle(false, {
      flag: 'require-signed-models',
      about:
        'Serve only models whose every file is signed (OpenSSF model signing) by a key or an authority that is named. See model-sources.md.',
    }),
    signingKeys: list({
      flag: 'model-signing-key',
      value: 'file',
      about: 'PEM public key of a signer of models, with --require-signed-models. May be repeated.',
    }),
    signingAuthorities: list({
      flag: 'model-signing-ca',
      value: 'file',
      about:
        "PEM certificates that signers' certificates must chain to, with --require-signed-models. May be repeated.",
    }),
    tokenFile: optionalText({
      flag: 'source-token-file',
      value: 'file',
      about:
        'File of bearer tokens for HTTP model repositories, a line each: https://host token. Read anew for each use.',
    }),
  })
  .prefault({});
