// An application on Express that keeps its sessions in Redis, as express-session and connect-redis
// document it. Settings come from settings.json in its folder.
import { readFileSync } from 'node:fs';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { createClient } from 'redis';

const settings = JSON.parse(readFileSync('settings.json', 'utf8'));
const client = createClient({
  socket: { host: '127.0.0.1', port: settings.redisPort, reconnectStrategy: 50 },
  password: settings.redisPassword,
});
client.on('error', (error) => console.error(error.message));
await client.connect();

const app = express();
app.use(express.urlencoded({ extended: false }));
app.use(session({
  store: new RedisStore({ client }),
  secret: settings.secrets,
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 3600_000 },
}));

app.get('/login', (request, response) => {
  response.send('<form method="post"><input name="user"><input name="password" type="password"></form>');
});

app.post('/login', (request, response, next) => {
  const { user, password } = request.body;
  if (user !== 'alice' || password !== settings.password) return response.sendStatus(403);
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = { id: 42, email: 'alice@example.test' };
    request.session.roles = ['dev', 'ops'];
    request.session.save((failed) => (failed ? next(failed) : response.redirect('/')));
  });
});

// A visitor's session: there, and nobody's.
app.get('/cart', (request, response) => {
  request.session.cart = ['book'];
  response.send('ok');
});

app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.redirect('/')));
});

app.get('/', (request, response) => response.send(request.session.user ? 'alice' : 'nobody'));
app.listen(settings.port, '127.0.0.1');
