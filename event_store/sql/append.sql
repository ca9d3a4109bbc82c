SELECT {append}(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
