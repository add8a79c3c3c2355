"""The pages for people: what is shown of a letter and its proposals, and the templates that show it."""
