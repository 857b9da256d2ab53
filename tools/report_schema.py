"""Write the JSON Schema of `edgecnn validate --json` from the report's dataclasses. Run it after a field was added.

python tools/report_schema.py
"""

from edgecnn import files
from edgecnn.validate import schema

if __name__ == "__main__":
    print(f"wrote {files.write_text(schema.PATH, schema.dumps())}")
