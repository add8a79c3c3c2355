"""The service: an API for pipelines, and a page on which a clerk confirms what is proposed."""
