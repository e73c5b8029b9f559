// A real OpenID Connect provider: panva's oidc-provider, as the tests and scripts/bench need it. Its
// port, the id of its one key and the public key of a client come from the environment. So do, for
// the bench, which refresh tokens are replaced ("always" or "never") and the module of its store.
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { PORT, KEY_ID, CLIENT_KEY, ROTATE, STORE } = process.env;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: KEY_ID };

// Who may only introspect.
const asking = (client_id, method, more) => ({
  client_id, token_endpoint_auth_method: method, redirect_uris: [], response_types: [],
  grant_types: [], id_token_signed_response_alg: 'ES256', ...more,
});

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  jwks: { keys: [key] },
  cookies: { keys: ['a secret of the tests'] },
  clients: [
    {
      client_id: 'web', client_secret: 'a secret of the web', id_token_signed_response_alg: 'ES256',
      redirect_uris: ['http://127.0.0.1:1/cb'], response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    },
    {
      client_id: 'robot', client_secret: 'a secret of the robot', redirect_uris: [],
      response_types: [], grant_types: ['client_credentials'],
      id_token_signed_response_alg: 'ES256',
    },
    asking('gateway:basic', 'client_secret_basic', { client_secret: 'a secret: 100% + / of it' }),
    asking('gateway-post', 'client_secret_post', { client_secret: 'a secret & more = %' }),
    asking('gateway-jwt', 'private_key_jwt', {
      jwks: { keys: [JSON.parse(CLIENT_KEY)] }, token_endpoint_auth_signing_alg: 'ES256',
    }),
  ],
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
  pkce: { required: () => false },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  claims: { openid: ['sub'] },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  ...(ROTATE && { rotateRefreshToken: ROTATE === 'always' }),
  ...(STORE && { adapter: (await import(STORE)).default }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    // "urn:opaque" gets opaque access tokens, everything else JWTs (RFC 9068).
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:api',
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'read', audience: resource, accessTokenTTL: 600,
        accessTokenFormat: resource === 'urn:opaque' ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

provider.listen(+PORT, '127.0.0.1');
