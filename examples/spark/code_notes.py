"""Code a folder of Parquet notes on a cluster.

    spark-submit --master yarn examples/spark/code_notes.py notes coded --text-column note_text --id-column note_id

The same command again goes on where the last one ended. `--help` names the options.
"""

from phenoextract.spark_job import main

if __name__ == "__main__":
    main()
