// oidc-provider with what the benchmark asks for: client credentials, introspection, revocation; its
// default adapter, which keeps everything in memory; opaque access tokens, as by default.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { PORT } = process.env;
const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  scopes: ['orders:read'],
  jwks: { keys: [{ ...signing, alg: 'ES256', kid: 'bench', use: 'sig' }] },
  clients: [{
    client_id: 'bench',
    client_secret: 'a-secret-of-the-bench',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  }],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
});
provider.listen(Number(PORT), '127.0.0.1');
