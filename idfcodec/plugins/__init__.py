"""Where people work already: one module for each library, which imports it, and which nothing else imports."""
