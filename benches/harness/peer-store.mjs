// What oidc-provider keeps its things in while benches/harness/peer_refresh.sh measures it: plain maps. The
// store that comes with it forgets beyond its latest 1000 entries, and goes through all of a grant's tokens,
// used ones too, for each new one. It must cost as little as anything can; nothing in it expires or is revoked.
const things = new Map();
const sessions = new Map();

export default class Store {
  constructor(model) { this.model = model; }

  key(id) { return this.model + id; }

  async upsert(id, payload) {
    things.set(this.key(id), payload);
    if (this.model === 'Session') sessions.set(payload.uid, id);
  }

  async find(id) { return things.get(this.key(id)); }

  async findByUid(uid) { return this.find(sessions.get(uid)); }

  async consume(id) { things.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { things.delete(this.key(id)); }

  async revokeByGrantId() { throw new Error('a refresh token was used twice'); }
}
