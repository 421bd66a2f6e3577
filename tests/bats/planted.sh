# The secrets planted in examples/home, one a line, put together from parts so that no scanner trips here.
# Run by examples.bats.
printf '%s%s\n' \
    AKIA IOSFODNN7EXAMPLE \
    wJalrXUtnFEMI/K7MDENG /bPxRfiCYEXAMPLEKEY \
    swallow-9 -brick \
    herring- herring \
    limpet- limpet \
    kipper- kipper \
    marmot.Kettle .41 \
    plover-anvil -77-teacup
