"""Many documents in, none lost: any number of them on one machine, with restart."""

from phenoextract.batch.coding import BAD_JSON as BAD_JSON
from phenoextract.batch.coding import BAD_ROW as BAD_ROW
from phenoextract.batch.coding import CRASHED as CRASHED
from phenoextract.batch.coding import DUPLICATE_ID as DUPLICATE_ID
from phenoextract.batch.coding import INTERNAL_ERROR as INTERNAL_ERROR
from phenoextract.batch.coding import NO_ID as NO_ID
from phenoextract.batch.coding import NO_TEXT as NO_TEXT
from phenoextract.batch.coding import OUT_OF_MEMORY as OUT_OF_MEMORY
from phenoextract.batch.coding import TIMED_OUT as TIMED_OUT
from phenoextract.batch.coding import Failure as Failure
from phenoextract.batch.coding import Pipe as Pipe
from phenoextract.batch.coding import code as code
