-- Runs once in the database's container, when its volume is empty. Warmline gets an account that owns
-- its own database and may do nothing else; nobody can sign in from outside as the superuser.
\getenv password POSTGRES_PASSWORD
CREATE ROLE warmline LOGIN PASSWORD :'password';
CREATE DATABASE warmline OWNER warmline;
ALTER ROLE postgres PASSWORD NULL;
