"""How an answer is gathered, ordered and decided, and how people of several sources are tied together; knows no GraphQL."""
