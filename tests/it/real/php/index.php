<?php
// An application in plain PHP, with its sessions where php.ini says. Settings come from
// settings.json in its folder.
$given = json_decode(file_get_contents(__DIR__ . '/settings.json'), true);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
session_start();

if ($path === '/login' && $_SERVER['REQUEST_METHOD'] === 'POST') {
    if ($_POST['user'] !== 'alice' || $_POST['password'] !== $given['password']) {
        http_response_code(403);
        exit('no');
    }
    session_regenerate_id(true);
    $_SESSION['user'] = 'alice';
    $_SESSION['id'] = 42;
    $_SESSION['roles'] = ['dev', 'ops'];
    header('Location: /');
} elseif ($path === '/login') {
    echo '<form method="post"><input name="user"><input name="password" type="password"></form>';
} elseif ($path === '/logout') {
    $_SESSION = [];
    session_destroy();
    header('Location: /');
} else {
    echo $_SESSION['user'] ?? 'nobody';
}
